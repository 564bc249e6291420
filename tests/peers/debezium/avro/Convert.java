import java.io.*;
import java.util.*;
import com.fasterxml.jackson.databind.*;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.json.JsonConverter;
import io.apicurio.registry.utils.converter.avro.AvroData;

/**
 * Connect's schemas as JSON, a line each, to the Avro schemas of AvroData: what made the recordings beside it of those of Debezium, whose
 * names were made legal before.
 *
 * On the class path: io.apicurio:apicurio-registry-utils-converter:2.6.13.Final, which has Confluent's AvroData, org.apache.avro:avro:1.11.4,
 * and Kafka's connect-json.
 */
public class Convert {
    public static void main(String[] arguments) throws Exception {
        JsonConverter json = new JsonConverter();
        json.configure(Map.of("schemas.enable", "true"), false);
        ObjectMapper mapper = new ObjectMapper();
        AvroData data = new AvroData(1000);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line; (line = in.readLine()) != null; ) {
            Schema schema = json.asConnectSchema(mapper.readTree(line));
            try {
                System.out.println(data.fromConnectSchema(schema).toString());
            } catch (Exception e) {
                System.out.println("null");
                System.err.println(e);
            }
        }
    }
}
